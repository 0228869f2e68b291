"""The composition root: from settings to stores, clients, models, router and studio. Only this room knows them all."""
