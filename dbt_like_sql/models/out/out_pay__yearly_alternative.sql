-- Where to look instead of predicted pay that is withheld or flagged.
select * from {{ ref('est_pay__yearly_lattice_offer') }}
