"""``python -m etudes.recipes.styles``."""

from etudes.recipes.styles.command import main

if __name__ == "__main__":
    main()
