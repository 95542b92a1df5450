import { NamespaceCreate, NamespaceDelete, NamespaceUpdate } from '@gantry/api/containerd/events/events';
import type { Namespace, NamespacesService } from '@gantry/api/containerd/services/namespaces/v1/namespace';
import { type CallContext, failedPrecondition, type Handlers, invalidArgument, notFound } from '@gantry/rpc';
import type { Envelopes } from '../../core/events';
import type { Records } from '../../core/records';
import { compileFilters } from '@gantry/oci/filter';
import { namespaceFields } from '../filter/fields';
import { checkIdentifier, checkLabels } from '../identifiers';

/** What else may live in a namespace; answers words such as "images", "snapshots". */
export interface NamespaceContents {
  inUse(ctx: CallContext, namespace: string): Promise<string[]>;
}

export interface NamespaceNeeds {
  readonly records: Pick<Records, 'namespaces' | 'list'>;
  /** The engine's own namespace, which no client can delete. */
  readonly engineNamespace: string;
  readonly envelopes: Envelopes;
  readonly contents: NamespaceContents;
}

/**
 * containerd.services.namespaces.v1. The namespace of docker's containers always exists; one that nobody has made has no labels, and is made by
 * the first label that it is given.
 */
export function namespaceHandlers({ records, envelopes, contents, engineNamespace }: NamespaceNeeds): Handlers<typeof NamespacesService> {
  const { namespaces } = records;
  const find = (name: string): Namespace => ({ name, labels: { ...namespaces.get(name)?.labels } });

  return {
    async get(_ctx, { name }) {
      return { namespace: find(name) };
    },
    async list(_ctx, { filter }) {
      const matches = compileFilters(filter === '' ? [] : [filter]);
      const all = namespaces.list().map(({ name, labels }) => ({ name, labels: { ...labels } }));
      return { namespaces: all.filter((namespace) => matches(namespaceFields(namespace))) };
    },
    async create(_ctx, { namespace }) {
      const { name, labels } = namespace ?? { name: '', labels: {} };
      checkIdentifier(name);
      checkLabels(labels);
      namespaces.create(name, labels);
      envelopes.publish(name, '/namespaces/create', { type: NamespaceCreate, message: { name, labels } });
      return { namespace: { name, labels } };
    },
    async update(_ctx, { namespace, updateMask }) {
      const { name, labels } = namespace ?? { name: '', labels: {} };
      checkIdentifier(name);
      const merged = mergeLabels(find(name).labels, labels, updateMask);
      checkLabels(merged);
      if (namespaces.get(name) === undefined) namespaces.create(name, merged);
      else namespaces.setLabels(name, merged);
      envelopes.publish(name, '/namespaces/update', { type: NamespaceUpdate, message: { name, labels: merged } });
      return { namespace: { name, labels: merged } };
    },
    async delete(ctx, { name }) {
      if (namespaces.get(name) === undefined) throw notFound(`namespace "${name}": not found`);
      if (name === engineNamespace) throw failedPrecondition(`namespace "${name}" is the engine's own and cannot be deleted`);
      const used = records.list(name).length > 0 ? ['containers'] : [];
      used.push(...(await contents.inUse(ctx, name)));
      if (used.length > 0)
        throw failedPrecondition(`namespace "${name}" must be empty, but it still has ${used.join(', ')}: failed precondition`);
      namespaces.delete(name);
      envelopes.publish(name, '/namespaces/delete', { type: NamespaceDelete, message: { name } });
      return {};
    },
  };
}

/** Without a mask the labels are replaced; with one, only the labels that it names. A label without a value is none. */
function mergeLabels(
  current: Record<string, string>,
  wanted: Record<string, string>,
  mask: readonly string[] | undefined,
): Record<string, string> {
  const given = Object.fromEntries(Object.entries(wanted).filter(([, value]) => value !== ''));
  if (mask === undefined || mask.length === 0) return given;
  let labels = { ...current };
  for (const path of mask) {
    if (path === 'labels') {
      labels = { ...given };
    } else if (path.startsWith('labels.')) {
      const key = path.slice('labels.'.length);
      const value = given[key];
      if (value === undefined) delete labels[key];
      else labels[key] = value;
    } else {
      throw invalidArgument(`cannot update "${path}" field: invalid argument`);
    }
  }
  return labels;
}
