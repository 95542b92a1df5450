import { Container as DockerView } from '@gantry/api/gantry/engine/v1/record';
import { invalidArgument, notFound } from '@gantry/rpc';
import { type Database, openRecords, VIEW_EXTENSION } from '../../core/records';
import type { DockerContainer, DockerRecord, DockerRecords } from './contract';
import { openNames } from './names';

/** Docker's views, decoded once; the order is that of creation. */
class Known {
  private readonly views = new Map<string, DockerRecord>();
  private readonly byName = new Map<string, string>();

  remember(id: string, docker: DockerContainer): void {
    const before = this.views.get(id);
    if (before !== undefined && before.docker.name !== docker.name) this.forgetName(before);
    this.views.set(id, { id, docker });
    this.byName.set(docker.name, id);
  }

  forget(id: string): void {
    const before = this.views.get(id);
    if (before === undefined) return;
    this.views.delete(id);
    this.forgetName(before);
  }

  get(id: string): DockerRecord | undefined {
    return this.views.get(id);
  }

  all(): DockerRecord[] {
    return [...this.views.values()];
  }

  find(ref: string): DockerRecord | undefined {
    const exact = this.views.get(ref);
    if (exact !== undefined) return exact;
    const named = this.byName.get(ref.startsWith('/') ? ref.slice(1) : ref);
    if (named !== undefined) return this.views.get(named);
    const linked = this.linked(ref);
    if (linked !== undefined) return linked;
    if (ref === '' || !/^[0-9a-f]+$/.test(ref)) return undefined;
    const matches = this.all().filter((view) => view.id.startsWith(ref));
    if (matches.length > 1) throw invalidArgument(`Multiple IDs found with provided prefix: ${ref}`);
    return matches[0];
  }

  /** `container/alias`: the one that it is linked to. */
  private linked(ref: string): DockerRecord | undefined {
    const [parent = '', alias = '', ...rest] = ref.replace(/^\//, '').split('/');
    if (alias === '' || rest.length > 0) return undefined;
    const links = this.views.get(this.byName.get(parent) ?? '')?.docker.hostConfig?.Links ?? [];
    const id = links.map((text) => text.split(':')).find(([, name]) => name === alias)?.[0];
    return id === undefined ? undefined : this.views.get(id);
  }

  private forgetName({ id, docker }: DockerRecord): void {
    if (this.byName.get(docker.name) === id) this.byName.delete(docker.name);
  }
}

/** Opens the records of one database with docker's views of those in `dockerNamespace`; see DockerRecords for the contract. */
export function openDockerRecords(db: Database, dockerNamespace: string): DockerRecords {
  const records = openRecords(db);
  const names = openNames(db);
  const known = new Known();
  for (const { id, view } of records.views.list(dockerNamespace))
    known.remember(
      id,
      db.read(id, () => DockerView.decode(view)),
    );

  return {
    ...records,
    dockerNamespace,
    names,
    create(namespace, container, options) {
      return db.transaction(() => {
        const made = records.create(namespace, container);
        const view = made.extensions[VIEW_EXTENSION]?.value;
        if (view !== undefined && namespace === dockerNamespace) {
          const docker = DockerView.decode(view);
          db.onCommit(() => known.remember(made.id, docker));
        }
        return made;
      }, options);
    },
    delete(namespace, id, options) {
      return db.transaction(() => {
        const gone = records.delete(namespace, id);
        if (namespace === dockerNamespace) {
          names.release(id);
          db.onCommit(() => known.forget(id));
        }
        return gone;
      }, options);
    },
    getDocker: (id) => known.get(id),
    findDocker: (ref) => known.find(ref),
    requireDocker(ref) {
      const view = known.find(ref);
      if (view === undefined) throw notFound(`No such container: ${ref}`);
      return view;
    },
    listDocker: () => known.all(),
    updateDocker(id, change, options) {
      const current = known.get(id);
      if (current === undefined) throw notFound(`No such container: ${id}`);
      const docker = change(current.docker);
      if (docker === current.docker) return current;
      db.transaction(() => {
        records.views.set(dockerNamespace, id, DockerView.encode(docker).finish());
        db.onCommit(() => known.remember(id, docker));
      }, options);
      return { id, docker };
    },
  };
}
