-- Every table of the lattice adds up to the predicted cells: so do its grand totals.
select lattice.year
from {{ ref('est_pay__yearly_lattice') }} as lattice
inner join (
    select year, sum(job_count) as job_count, sum(pay_bill_gbp) as pay_bill_gbp
    from {{ ref('est_pay__yearly_cell') }}
    group by year
) as held using (year)
where lattice.working_pattern = '{{ total("working_pattern") }}'
    and lattice.occupation_code = '{{ total("occupation") }}'
    and lattice.industry_group = '{{ total("industry") }}'
    and lattice.area_code = '{{ total("area") }}'
    and lattice.sex = '{{ total("sex") }}'
    and lattice.qualification_code = '{{ total("qualification_9") }}'
    and (
        abs(lattice.job_count - held.job_count) > 1e-9 * held.job_count
        or abs(lattice.pay_bill_gbp - held.pay_bill_gbp) > 1e-9 * held.pay_bill_gbp
    )
