"""Recipes: the documented commands that train committed checkpoints and write the ledger's rows.

``python -m etudes.recipes.instruments`` and its neighbours are the only places that write numbers
into ``book/results``; chapters read them from there. What a recipe trains is small enough for one
CPU core, and its functions are the ones that the chapters call.
"""
