"""``python -m etudes.recipes.tcn_vae``."""

from etudes.recipes.tcn_vae.command import main

if __name__ == "__main__":
    main()
