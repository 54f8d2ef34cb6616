#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A client in another language, with nothing but what the .proto says: Python and Debian's packages.

Usage: python_client_test.py PROTO_DIRECTORY FAKE_BUTTERFLYD
"""

import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

import grpc

PROTOS, DAEMON = (os.path.abspath(path) for path in sys.argv[1:3])
GENERATED = tempfile.TemporaryDirectory(prefix="butterfly-python-")
subprocess.run(["protoc", f"-I{PROTOS}", f"--python_out={GENERATED.name}", f"--grpc_python_out={GENERATED.name}",
                "--plugin=protoc-gen-grpc_python=/usr/bin/grpc_python_plugin",
                *map(str, pathlib.Path(PROTOS).glob("butterfly/v1/*.proto"))], check=True)
sys.path.insert(0, GENERATED.name)
from butterfly.v1 import butterfly_pb2 as pb  # noqa: E402
from butterfly.v1 import butterfly_pb2_grpc as rpc  # noqa: E402


class PythonClientTest(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory(prefix="butterfly-python-")
        self.addCleanup(directory.cleanup)
        self.daemon = subprocess.Popen([DAEMON, directory.name], stdin=subprocess.PIPE,
                                       stdout=subprocess.PIPE, text=True)
        self.addCleanup(self.end_daemon)
        self.assertEqual(self.daemon.stdout.readline(), "ready\n")
        self.channel = grpc.insecure_channel(f"unix:{directory.name}/api.sock")
        self.addCleanup(self.channel.close)
        self.api = rpc.ButterflyStub(self.channel)

    def end_daemon(self):
        self.daemon.stdin.close()
        self.daemon.wait(30)
        self.daemon.stdout.close()

    def put_nic(self, id="web-1", **fields):
        nic = pb.Nic(id=id, mac="52:54:00:00:00:01", vni=42, addresses=["10.0.0.1"], **fields)
        return self.api.Apply(pb.ApplyRequest(changes=[pb.Change(group_add="web"), pb.Change(nic_put=nic)]))

    def refusal(self, call, request):
        with self.assertRaises(grpc.RpcError) as caught:
            answer = call(request)
            for _ in answer if hasattr(answer, "__iter__") else ():
                pass
        return caught.exception.code(), caught.exception.details()

    def test_makes_a_nic_and_is_told_how_to_connect_it(self):
        answer = self.put_nic(groups=["web"])
        self.assertEqual(answer.revision, 1)
        self.assertEqual(answer.nics[0].socket, "/run/butterfly/ports/web-1.sock")
        self.assertIn("host_mtu=1450", answer.nics[0].qemu_arguments)
        view = self.api.GetNic(pb.GetNicRequest(id="web-1")).nic
        self.assertEqual(view.nic.addresses, ["10.0.0.1"])
        self.assertTrue(view.nic.antispoof)  # unset: the default that the field names
        self.assertTrue(view.state.connected)
        self.assertEqual([one.nic.id for one in self.api.ListNics(pb.ListNicsRequest()).nics], ["web-1"])

    def test_gets_codes_and_messages_of_refusals(self):
        self.assertEqual(self.refusal(self.api.GetNic, pb.GetNicRequest(id="nobody")),
                         (grpc.StatusCode.NOT_FOUND, "nic 'nobody': not found (wanted one of ours)"))
        bad = pb.Change(nic_put=pb.Nic(id="a", mac="52:54:00:00:00:01", vni=20000000))
        self.assertEqual(self.refusal(self.api.Apply, pb.ApplyRequest(changes=[bad])),
                         (grpc.StatusCode.INVALID_ARGUMENT,
                          "nic 'a': VNI 20000000 exceeds 24 bits (wanted 1..16777215)"))
        self.put_nic()
        late = pb.ApplyRequest(changes=[pb.Change(nic_delete="web-1")], expected_revision=0)
        self.assertEqual(self.refusal(self.api.Apply, late)[0], grpc.StatusCode.ABORTED)

    def test_gets_the_parts_of_a_refusal_as_fields(self):
        changes = [pb.Change(group_add="web"),
                   pb.Change(nic_put=pb.Nic(id="a", mac="52:54:00:00:00:01", vni=42, mtu=100))]
        with self.assertRaises(grpc.RpcError) as caught:
            self.api.Apply(pb.ApplyRequest(changes=changes))
        metadata = dict(caught.exception.trailing_metadata())
        status = pb.ErrorStatus.FromString(metadata["grpc-status-details-bin"])
        self.assertEqual((status.code, status.message), (3, caught.exception.details()))
        detail = pb.ErrorDetail()
        self.assertTrue(status.details[0].Unpack(detail))
        self.assertEqual(detail, pb.ErrorDetail(object="nic", id="a", field="mtu", value="100",
                                                fact="MTU 100 is out of range",
                                                wanted="576..9000, or 0 for the host's choice"))

    def test_gives_back_the_intent_that_it_was_given(self):
        self.put_nic(groups=["web"])
        before = self.api.GetIntent(pb.GetIntentRequest())
        emptied = self.api.Replace(pb.ReplaceRequest(expected_revision=before.revision))
        self.assertEqual(sorted(emptied.actions), ["remove group web", "remove nic web-1"])
        self.api.Replace(pb.ReplaceRequest(intent=before.intent))
        self.assertEqual(self.api.GetIntent(pb.GetIntentRequest()).intent, before.intent)

    def test_reads_streams_and_leaves_them(self):
        self.put_nic()
        trace = self.api.Trace(pb.TraceRequest(nic="web-1", count=100))
        self.assertEqual(next(trace).steps[1].out, "wrong-mac")
        trace.cancel()
        connections = [one for part in self.api.ListConnections(pb.ListConnectionsRequest())
                       for one in part.connections]
        self.assertEqual({one.protocol for one in connections}, {6, 17})
        events = self.api.WatchEvents(pb.WatchEventsRequest(follow=True))
        self.assertEqual(next(events).kind, pb.EVENT_KIND_INTENT_CHANGED)
        events.cancel()
        self.assertEqual(self.api.GetStatus(pb.GetStatusRequest()).nics, 1)

    def test_sends_a_stream(self):
        self.put_nic()
        parts = list(self.api.ExportConnections(pb.ExportConnectionsRequest(nic="web-1")))
        requests = (pb.ImportConnectionsRequest(nic="web-1", part=part) for part in parts)
        self.assertEqual(self.api.ImportConnections(requests).imported, 2)

    def test_asks_for_health(self):
        check = self.channel.unary_unary("/grpc.health.v1.Health/Check")
        self.assertEqual(check(b""), b"\x08\x01")  # HealthCheckResponse.status = SERVING


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
