"""``python -m etudes.recipes.gan_and_vae``."""

from etudes.recipes.gan_and_vae.command import main

if __name__ == "__main__":
    main()
