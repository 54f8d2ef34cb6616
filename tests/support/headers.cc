// SPDX-License-Identifier: Apache-2.0
// Nothing of its own: what all tests include is compiled once with it.
