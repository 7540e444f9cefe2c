import Glibc

/// The kernel's table of the process's descriptors. It doubles when it is full, and in a process of several threads that
/// waits until every processor has let go of the old one (`expand_fdtable`, synchronize_rcu): some 10 ms in the middle of an
/// accept, for everyone on the shard.
package enum DescriptorTable {
    /// Makes the table large enough for `count` descriptors, as far as the process may have them, and no larger than for
    /// `Limits.descriptorsReservedMax`. The memory is the kernel's until the process ends. Does nothing where it is refused.
    package static func reserve(_ count: Int) {
        var limit = rlimit()
        guard unsafe getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return }
        let last = Int32(min(count, Limits.descriptorsReservedMax, Int(clamping: limit.rlim_cur))) - 1
        let descriptor = unsafe open("/", O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return }
        let high = fcntl(descriptor, F_DUPFD_CLOEXEC, last)
        if high >= 0 { close(high) }
        close(descriptor)
    }
}
