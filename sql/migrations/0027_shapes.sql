-- How rows are stored is told without the words that describe them from here on: the same rows, and they go on answering.
UPDATE builds SET shape = now.shape FROM (VALUES
    ('6e2db6e70c0f9f11', '20a56464caf967f3'),
    ('cc7001b54f41f00b', '48db0e4b5ca00cc6'),
    ('ab29bdebd256873f', '7f75f78ae7350673'),
    ('a8c8ce0418bfd330', '2d23b055705fe382'),
    ('7360546a18939385', '4a9f91fe644db5a6'),
    ('1c7e6590fe3d3415', 'e6f1a55137541a77'),
    ('6530f81bb8f6312d', '9b5ce53ac8b91660')
) AS now (before, shape) WHERE builds.shape = now.before;
