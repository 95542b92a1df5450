import type { Sandbox } from '@gantry/api/containerd/types/types';
import { invalidArgument } from '@gantry/rpc';

const ALL = ['labels', 'extensions', 'spec', 'runtime'];

/** A sandbox with the caller's changes: of the fields that are named, of all that may change when none is; then the runtime's name must stay. */
export function applySandboxUpdate(current: Sandbox, wanted: Sandbox, fields: readonly string[]): Sandbox {
  if (fields.length === 0 && (wanted.runtime?.name ?? '') !== (current.runtime?.name ?? ''))
    throw invalidArgument('sandbox.Runtime.Name field is immutable: invalid argument');
  const made: Sandbox = { ...current, labels: { ...current.labels }, extensions: { ...current.extensions } };
  for (const field of fields.length === 0 ? ALL : fields) {
    if (field.startsWith('labels.')) setKey(made.labels, wanted.labels, field.slice('labels.'.length));
    else if (field.startsWith('extensions.')) setKey(made.extensions, wanted.extensions, field.slice('extensions.'.length));
    else if (field === 'labels') made.labels = { ...wanted.labels };
    else if (field === 'extensions') made.extensions = { ...wanted.extensions };
    else if (field === 'runtime') made.runtime = wanted.runtime;
    else if (field === 'spec') made.spec = wanted.spec;
    else throw invalidArgument(`cannot update "${field}" field on sandbox "${current.sandboxId}": invalid argument`);
  }
  return made;
}

/** Sets one key as the caller has it; what the caller lacks is removed. */
function setKey<V>(target: Record<string, V>, source: Readonly<Record<string, V>>, key: string): void {
  const value = Object.hasOwn(source, key) ? source[key] : undefined;
  if (value === undefined) delete target[key];
  else target[key] = value;
}
