-- A rate stands only where the unemployed and the employed it is made of are published.
select published.year
from {{ ref('out_lfs__yearly_unemployment') }} as published
left join {{ ref('out_lfs__yearly_employment') }} as employed
    on published.year = employed.year
        and published.occupation_code = employed.occupation_code
        and published.area_code = employed.area_code
        and published.sex = employed.sex
        and published.qualification_code = employed.qualification_code
        and employed.industry_group = '{{ total("industry") }}'
        and employed.work_status = '{{ total("work_status") }}'
where published.unemployment_rate is not null
    and (published.unemployment_count is null or employed.employed_count is null)
