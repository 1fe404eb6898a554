-- Every region, by every sex and working pattern, in every year that is published.
select *
from (select distinct year from {{ ref('out_pay__yearly_region_median') }}) as published
cross join (select code as area_code from {{ codelist('region') }}) as region
cross join (select code as sex from {{ codelist('sex') }}) as sex
cross join (select code as working_pattern from {{ codelist('working_pattern') }}) as working_pattern
anti join {{ ref('out_pay__yearly_region_median') }} using (year, area_code, sex, working_pattern)
