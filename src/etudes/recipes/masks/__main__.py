"""``python -m etudes.recipes.masks``."""

from etudes.recipes.masks.command import main

if __name__ == "__main__":
    main()
