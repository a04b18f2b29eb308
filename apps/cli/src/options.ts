/** Options that several commands share. */
import { type Command, Option } from 'commander';
import { backendNames, engineNames, providerNames } from './backends.ts';

export { Option };

/** What runs the model: read them with `chooseBackend`. */
export function addBackendOptions(command: Command): Command {
  return command
    .addOption(
      new Option('--backend <name>', 'what runs the model')
        .choices([...backendNames])
        .default('onnx'),
    )
    .addOption(
      new Option('--provider <name>', 'what ONNX Runtime runs on (default: "cpu")').choices([
        ...providerNames,
      ]),
    )
    .addOption(
      new Option('--engine <name>', 'which engine TensorFlow.js uses (default: "auto")').choices([
        ...engineNames,
      ]),
    );
}
