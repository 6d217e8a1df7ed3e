"""``python -m etudes.recipes.instruments``."""

from etudes.recipes.instruments.command import main

if __name__ == "__main__":
    main()
