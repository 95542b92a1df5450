import type { Spec } from '@gantry/oci';
import { LANDLOCK_ANNOTATION, LANDLOCK_HANDLED, parseLandlock } from '@gantry/oci/landlock';
import { isGantryError, invalidArgument } from '@gantry/rpc/errors';
import type { Operation } from '../plan/operations';

/** The rules that an annotation asks for. Throws invalidArgument that names it. */
export function compileLandlock({ annotations }: Pick<Spec, 'annotations'>): Operation[] {
  const text = annotations?.[LANDLOCK_ANNOTATION];
  if (text === undefined) return [];
  try {
    const rules = parseLandlock(text);
    return [['LANDLOCK', LANDLOCK_HANDLED, rules.map(({ path }) => path), rules.map(({ access }) => access)]];
  } catch (error) {
    if (!isGantryError(error)) throw error;
    throw invalidArgument(`config.json: annotations: ${LANDLOCK_ANNOTATION}: ${error.message}`, { cause: error });
  }
}
