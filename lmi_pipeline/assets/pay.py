"""Every asset of the pay estimates."""

import dagster as dg

from lmi_pipeline.assets.pay_cells import cell_assets
from lmi_pipeline.assets.pay_detail import detail_assets
from lmi_pipeline.assets.pay_equation import equation_assets
from lmi_pipeline.assets.pay_open import open_pay_assets


def pay_assets() -> list[dg.AssetsDefinition]:
    """Equation, cells, details, and estimates from the published tables alone."""
    return [*equation_assets(), *cell_assets(), *detail_assets(), *open_pay_assets()]
