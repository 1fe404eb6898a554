-- A weight without its person would drop out of the population unseen.
select weight.quarter, weight.edition
from {{ ref('core_lfs__quarterly_published_weight') }} as weight
anti join {{ ref('core_lfs__quarterly_person') }} as person
    on weight.quarter = person.quarter and weight.person_id = person.person_id
where weight.analysis_weight > 0
