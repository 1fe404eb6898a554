# SSBtools::GaussSuppression, the engine of R's GaussSuppression. Arguments: problem folder, output file.
# GAUSS_SUPPRESSION_SOURCE names a file that defines the function, where the package cannot be installed.
suppressMessages(library(Matrix))
arguments <- commandArgs(trailingOnly = TRUE)
source_file <- Sys.getenv("GAUSS_SUPPRESSION_SOURCE")
if (nzchar(source_file)) {
  source(source_file)
} else {
  suppressMessages(library(SSBtools))
}
numbers <- function(name, what) scan(file.path(arguments[1], name), what = what, quiet = TRUE)
places <- matrix(numbers("inner.txt", integer()), ncol = 2, byrow = TRUE)
value <- numbers("value.txt", double())
primary <- numbers("primary.txt", integer())
x <- sparseMatrix(i = places[, 1], j = places[, 2], x = 1)
candidates <- order(value > 0, -value) # zeros are published, then the largest first
used <- system.time(
  secondary <- GaussSuppression(x, candidates, primary, singletonMethod = "none", printInc = FALSE)
)
write(secondary - 1, arguments[2], ncolumns = 1)
cat(sprintf('{"solve_s": %f, "cpu_s": %f}\n', used[["elapsed"]], used[["user.self"]] + used[["sys.self"]]))
