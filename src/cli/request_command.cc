// SPDX-License-Identifier: Apache-2.0
// butterfly request: any call of the API, as a file says it.
#include <google/protobuf/io/tokenizer.h>
#include <google/protobuf/message.h>
#include <google/protobuf/text_format.h>
#include <google/protobuf/util/json_util.h>

#include "cli/commands.h"
#include "cli/text_file.h"

namespace butterfly {
namespace {

using google::protobuf::Message;
using google::protobuf::MethodDescriptor;

const google::protobuf::ServiceDescriptor& api() {
  return *v1::Nic::descriptor()->file()->FindServiceByName("Butterfly");
}

std::vector<std::string> call_names() {
  std::vector<std::string> names;
  for (int i = 0; i < api().method_count(); ++i) names.push_back(api().method(i)->name());
  return names;
}

std::unique_ptr<Message> new_message(const google::protobuf::Descriptor* type) {
  return std::unique_ptr<Message>(
      google::protobuf::MessageFactory::generated_factory()->GetPrototype(type)->New());
}

// Keeps the first thing that is wrong with a text.
class FirstError : public google::protobuf::io::ErrorCollector {
 public:
  void AddError(int line, int column, const std::string& message) override {
    if (!text.empty()) return;
    text = "line " + std::to_string(line + 1) + ", column " + std::to_string(column + 1) + ": " +
           message;
  }
  std::string text;
};

std::string one_line(std::string text) {
  for (char& c : text) {
    if (c == '\n') c = ' ';
  }
  return text;
}

// JSON begins with a brace; protobuf's text format never does.
Status parse(const std::string& name, const std::string& text, Message& request) {
  const size_t begin = text.find_first_not_of(" \t\r\n");
  std::string reason;
  if (begin != std::string::npos && text[begin] == '{') {
    const auto status = google::protobuf::util::JsonStringToMessage(text, &request);
    if (status.ok()) return ok_status();
    reason = one_line(std::string(status.message()));
  } else {
    FirstError error;
    google::protobuf::TextFormat::Parser parser;
    parser.RecordErrorsTo(&error);
    if (parser.ParseFromString(text, &request)) return ok_status();
    reason = error.text;
  }
  return invalid("file '" + name + "': no " + request.GetDescriptor()->name() + ": " + reason +
                 " (wanted JSON, or protobuf's text format)");
}

int send(Command& command, const std::string& call, const std::string& file) {
  const MethodDescriptor& method = *api().FindMethodByName(call);
  const auto request = new_message(method.input_type());
  const auto text = read_text(file);
  const Status parsed = text.ok() ? parse(file, *text, *request) : text.status();
  if (!parsed.ok()) {
    command.fail(parsed);
    return kUsage;
  }
  const auto answer = new_message(method.output_type());
  const Status status = command.client().send(
      "/" + api().full_name() + "/" + call, *request, *answer, method.server_streaming(), [&] {
        const bool one_line = method.server_streaming();
        std::cout << to_json(*answer, one_line) << std::flush;
      });
  return status.ok() ? kDone : command.fail(status);
}

}  // namespace

void add_request_command(CLI::App& root, Command& command) {
  struct Options {
    std::string call, file;
  };
  const auto options = std::make_shared<Options>();
  CLI::App& verb =
      add_verb(root, command, "request", "Send any request of the API; prints the answer as JSON",
               [&command, options] { return send(command, options->call, options->file); });
  verb.add_option("CALL", options->call, "as the API names it: Apply, GetNic, WatchEvents, …")
      ->required()
      ->check(CLI::IsMember(call_names()));
  verb.add_option("FILE", options->file, "JSON or protobuf's text format; - for standard input")
      ->required();
}

}  // namespace butterfly
