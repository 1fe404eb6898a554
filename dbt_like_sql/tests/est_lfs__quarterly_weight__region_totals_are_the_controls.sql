-- Calibrated weights of persons give the population of every region, and no other region, in every quarter they stand for.
with reached as (
    select weight.weight_vintage, weight.quarter, person.region_gss, sum(weight.weight) as weighted
    from {{ ref('est_lfs__quarterly_weight') }} as weight
    inner join {{ ref('core_lfs__quarterly_person') }} as person
        on weight.quarter = person.quarter and weight.person_id = person.person_id
    where weight.weight_source = 'calibrated'
    group by all
),

due as (
    select cell.weight_vintage, cell.quarter, cell.region_gss, sum(cell.population_count) as population
    from {{ ref('est_population__quarterly_cell') }} as cell
    semi join reached
        on cell.weight_vintage = reached.weight_vintage and cell.quarter = reached.quarter
    group by all
)

select *
from reached
full join due using (weight_vintage, quarter, region_gss)
where coalesce(abs(reached.weighted / due.population - 1) > 1e-6, true)
