# Sourced before a server is started. Each picture is a buffer of megabytes: without these, glibc maps and unmaps every
# one (docs/decisions/0009).
export MALLOC_MMAP_THRESHOLD_=268435456 MALLOC_TRIM_THRESHOLD_=268435456 MALLOC_TOP_PAD_=16777216
