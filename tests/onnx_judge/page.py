REASONS={}
DELIBERATE={}
def page(x): return []
