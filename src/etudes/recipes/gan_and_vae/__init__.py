"""A mask generator with and without a critic, and a recurrent VAE for each source.

The idea in a sentence: what an adversary adds to supervision, what it does alone, and what can be
done with sources that were heard alone, on the duets of chapter 16. Chapter 17::

    python -m etudes.recipes.gan_and_vae          # minutes, writes nothing
    python -m etudes.recipes.gan_and_vae --full   # checkpoints, cards, ledger rows
"""
