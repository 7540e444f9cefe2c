import CFanfareKernel
import Testing

/// What the kernel is asked, where no test on a healthy machine could tell a lost flag from its presence.
@Suite struct SubmissionTests {
    @Test func aWriteAndSyncIsDurableAndAWorkers() {
        var entry = io_uring_sqe()
        unsafe fanfare_fill_write_and_sync(&entry, 3, nil, 4_096, 8_192, 42)
        // IORING_OP_WRITE, IOSQE_ASYNC and RWF_DSYNC, as <linux/io_uring.h> and <linux/fs.h> number them.
        #expect(entry.opcode == 23)
        #expect(entry.flags == 1 << 4)
        #expect(entry.rw_flags == 2)
        #expect(entry.fd == 3)
        #expect(entry.len == 4_096)
        #expect(entry.off == 8_192)
        #expect(entry.user_data == 42)
    }
}
