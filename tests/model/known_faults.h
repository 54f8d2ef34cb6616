// SPDX-License-Identifier: Apache-2.0
// Where the switch is known to differ from the reference, which is right: packets that show it are
// not sent. To be removed with the fault.
#pragma once

namespace butterfly::model {

// Before a SYN is acknowledged, an acknowledgement of less than the SYN passes (RFC 9293 §3.10.7.4:
// SND.UNA < SEG.ACK), and a later, higher one counts as acknowledging the SYN.
inline constexpr bool kAcksBeforeTheSyn = true;
// A FIN in the window, but behind data that was sent already, counts as its sender's last.
inline constexpr bool kFinBehindData = true;
// A query whose id is the type of a query has the key of a query the other way.
inline constexpr bool kIdIsQueryType = true;
// What would be an answer on a connection of a nic's earlier life does not reach the nic even if
// its rules allow it as a start, for as long as the connection is remembered.
inline constexpr bool kReplyToNicMadeAnew = true;
// A connection that is reset before its SYN is answered keeps numbers of the initiator where those
// of the responder belong: what fits them passes.
inline constexpr bool kResetBeforeAnswer = true;
// In a handshake a SYN-ACK with another number than the sender's SYN counts like data.
inline constexpr bool kSynAckOfAnotherNumber = true;
// Of the number that a SYN was acknowledged with 16 bits are compared: one that acknowledges 32 KiB
// of data along with the SYN does not count, and the connection stays new until the next.
inline constexpr bool kFarBeyondTheSyn = true;
// Of a connection that was picked up, what lies beyond a FIN may be acknowledged.
inline constexpr bool kAckBeyondFin = true;
// With `revalidate` off, a nic goes on to another that was made again as to the one before: what is
// a new connection does not ask the egress rules of now.
inline constexpr bool kSenderToNicMadeAnew = true;
// A reset is measured by the latest acknowledgement, not the highest: after one that was overtaken
// on its way a reset at the expected number is refused.
inline constexpr bool kResetAfterOlderAck = true;

}  // namespace butterfly::model
