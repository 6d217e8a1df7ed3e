"""``python -m etudes.recipes.learned_optimizer``."""

from etudes.recipes.learned_optimizer.command import main

if __name__ == "__main__":
    main()
