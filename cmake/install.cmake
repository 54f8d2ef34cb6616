# SPDX-License-Identifier: Apache-2.0
# Where `cmake --install` puts what users need; tools/deb packs it.
install(TARGETS butterfly RUNTIME DESTINATION bin)
install(TARGETS butterflyd RUNTIME DESTINATION sbin)
install(TARGETS butterfly-expression-compiler RUNTIME DESTINATION libexec/butterfly)
install(FILES dist/butterflyd.service DESTINATION lib/systemd/system)
install(FILES dist/butterfly.tmpfiles RENAME butterfly.conf DESTINATION lib/tmpfiles.d)
install(FILES dist/butterflyd.toml DESTINATION /etc/butterfly)
install(FILES README.md DESTINATION share/doc/butterfly)
install(DIRECTORY docs DESTINATION share/doc/butterfly)
install(FILES dist/completion/butterfly.bash RENAME butterfly
  DESTINATION share/bash-completion/completions)
install(FILES dist/completion/butterfly.zsh RENAME _butterfly
  DESTINATION share/zsh/vendor-completions)
install(FILES dist/completion/butterfly.fish DESTINATION share/fish/vendor_completions.d)
# butterfly(1) is what the program says of itself; Debian wants pages compressed, and `man` takes
# them so everywhere.
install(CODE "
  set(prefix \"\$ENV{DESTDIR}\${CMAKE_INSTALL_PREFIX}/share/man\")
  file(MAKE_DIRECTORY \"\${prefix}/man1\" \"\${prefix}/man5\" \"\${prefix}/man8\")
  execute_process(COMMAND \"$<TARGET_FILE:butterfly>\" --manual COMMAND gzip -9n
    OUTPUT_FILE \"\${prefix}/man1/butterfly.1.gz\" COMMAND_ERROR_IS_FATAL ANY)
  foreach(page butterflyd.toml.5 butterflyd.8)
    string(REGEX MATCH \".$\" section \${page})
    execute_process(COMMAND gzip -9nc \"${CMAKE_SOURCE_DIR}/dist/man/\${page}\"
      OUTPUT_FILE \"\${prefix}/man\${section}/\${page}.gz\" COMMAND_ERROR_IS_FATAL ANY)
  endforeach()")
