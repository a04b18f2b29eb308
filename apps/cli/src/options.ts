/** Options that several commands share. */
import { Option } from 'commander';
import { backendNames } from './backends.ts';

export { Option };

export function backendOption(): Option {
  return new Option('--backend <name>', 'what runs the model')
    .choices([...backendNames])
    .default('onnx');
}
