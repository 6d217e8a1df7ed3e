"""``python -m etudes.recipes.meta_trees``."""

from etudes.recipes.meta_trees.command import main

if __name__ == "__main__":
    main()
