def test_x(settings):
    pass
