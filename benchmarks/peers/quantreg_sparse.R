# Sparse interior point of R's quantreg package. Arguments: problem folder, unused, repeats, output file.
# build: the weighted sparse matrix; solve: rq.fit.sfn() for each decile.
suppressMessages({library(quantreg); library(SparseM)})
arguments <- commandArgs(trailingOnly = TRUE)
folder <- arguments[1]
repeats <- as.integer(arguments[3])
shape <- scan(file.path(folder, "shape.txt"), quiet = TRUE)
numbers <- function(name, count) readBin(file.path(folder, paste0(name, ".raw")), "double", count)
integers <- function(name, count) readBin(file.path(folder, paste0(name, ".raw")), "integer", count)
y <- numbers("y", shape[1])
weight <- numbers("weight", shape[1])
value <- numbers("value", shape[3])
column <- integers("column", shape[3])
start <- integers("start", shape[1] + 1)

memory <- function(field) {
  line <- grep(paste0("^", field), readLines("/proc/self/status"), value = TRUE)
  as.numeric(gsub("[^0-9]", "", line)) / 1024
}

space <- sfn.control(tmpmax = 500 * shape[2])  # the usual working space does not hold this problem
invisible(gc())
cat("5", file = "/proc/self/clear_refs")
baseline <- memory("VmRSS")
built <- solved <- cpu <- numeric(0)
for (i in seq_len(repeats)) {
  times <- system.time(
    a <- new("matrix.csr", ra = value * rep(weight, diff(start)), ja = column, ia = start, dimension = as.integer(shape[1:2]))
  )
  built <- c(built, times[["elapsed"]])
  times <- system.time(
    fits <- lapply(1:9 / 10, function(tau) rq.fit.sfn(a, weight * y, tau = tau, control = space))
  )
  solved <- c(solved, times[["elapsed"]])
  cpu <- c(cpu, times[["user.self"]] + times[["sys.self"]])
}
peak <- memory("VmHWM") - baseline
writeBin(unlist(lapply(fits, function(fit) as.double(fit$coef))), arguments[4])
list_of <- function(x) paste0("[", paste(format(x, digits = 6), collapse = ", "), "]")
cat(sprintf(
  '{"build": %s, "solve": %s, "cpu": %s, "peak_mb": %.1f, "baseline_mb": %.1f, "version": "%s, R %s, %s"}\n',
  list_of(built), list_of(solved), list_of(cpu), peak, baseline, packageVersion("quantreg"), getRversion(),
  basename(extSoftVersion()[["BLAS"]])
))
