"""``python -m etudes.recipes.svm_heads``."""

from etudes.recipes.svm_heads.command import main

if __name__ == "__main__":
    main()
