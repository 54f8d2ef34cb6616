// SPDX-License-Identifier: Apache-2.0
// Nothing of its own: what many files include is compiled once with it (headers.cmake).
