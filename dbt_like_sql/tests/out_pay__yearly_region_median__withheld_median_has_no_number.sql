-- A median that may not be used has no number, one that may be used has one, and none is less precise than the limit.
select * from {{ ref('out_pay__yearly_region_median') }}
where (status in ('withheld', 'not_applicable')) != (median_hourly_gbp is null)
    or (median_hourly_gbp is null and cv_percent is not null)
    or cv_percent > {{ param('precision.acceptable_up_to') }}
