import { formatReference, parseReference, withDefaultTag } from '@gantry/oci';
import { invalidArgument } from '@gantry/rpc';

/** Names as a client gave them, joined by commas. */
export const splitNames = (text: string): string[] => text.split(',').filter((name) => name !== '');

/** The names of docker's store: whole, each once. A digest is none. */
export function dockerNames(names: readonly string[]): string[] {
  const whole = names.map((name) => {
    const reference = parseReference(name);
    if (reference.digest !== undefined) throw invalidArgument('build tag cannot contain a digest');
    return formatReference(withDefaultTag(reference));
  });
  return [...new Set(whole)];
}
