import type { CallContext } from '@gantry/rpc';
import type { Services } from '../services';
import { type Contained, type ContainerFacts, extensionsOf } from './record';

/** Writes what became of a container into its record; the container as it is then. */
export async function note(
  { services }: { readonly services: { readonly containers: Pick<Services['containers'], 'update'> } },
  ctx: CallContext,
  {
    container,
    change,
  }: { readonly container: Contained; readonly change: Partial<ContainerFacts> & { readonly config?: Contained['config'] } },
): Promise<Contained> {
  const { config = container.config, ...rest } = change;
  const facts = { ...container.facts, ...rest };
  const record = { ...container.record, extensions: { ...container.record.extensions, ...extensionsOf({ config, facts }) } };
  await services.containers.update(ctx, { container: record, updateMask: ['extensions'] });
  return { ...container, config, facts, record };
}
