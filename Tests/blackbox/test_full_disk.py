"""A full disk turns publishing into 503 and nothing else, and publishing resumes by itself (CONTRACT, section 4)."""

import json
import os
import subprocess
import tempfile
import time

import harness


class FullDisk(harness.TimeBoundedTest):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="fanfare-full-")
        mounted = os.geteuid() == 0 and subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=12m", "tmpfs", self.folder], capture_output=True).returncode == 0
        if not mounted:
            os.rmdir(self.folder)
            self.skipTest("needs root and mount(8) for a small file system")
        self.addCleanup(self.unmount)

    def unmount(self):
        subprocess.run(["umount", "-l", self.folder], capture_output=True, check=False)
        os.rmdir(self.folder)

    def test_publishing_is_503_until_there_is_space_and_all_else_goes_on(self):
        service = harness.Service(config=lambda _: {
            "data_directory": os.path.join(self.folder, "data"), "log": {"segment_size": "4MiB"}})
        self.addCleanup(service.stop)
        service.start()
        accepted = 0
        for number in range(1_000):
            answer = self.publish(service, number, 40_000)
            if answer.status != 202:
                break
            accepted += 1
        self.assertGreater(accepted, 20)
        self.assertEqual(answer.status, 503)
        self.assertGreater(int(answer.header("retry-after")), 0)
        self.assertEqual(service.request("GET", "/healthz").status, 200)
        self.assertEqual(service.request("GET", "/readyz").status, 503)
        self.assertEqual(len(service.request("GET", "/v1/events?limit=1000").json()["events"]), accepted)
        subprocess.run(["mount", "-o", "remount,size=64m", self.folder], check=True)
        deadline = time.monotonic() + 10
        while self.publish(service, 0, 100).status != 202:
            self.assertLess(time.monotonic(), deadline, "publishing did not resume within 10 s")
            time.sleep(0.2)
        self.assertEqual(len(service.request("GET", "/v1/events?limit=1000").json()["events"]), accepted + 1)

    def publish(self, service, number, size):
        body = json.dumps({"number": number, "pad": "x" * size})
        return service.request("POST", "/v1/topics/full.disk", body, {"content-type": "application/json"})
