import { existsSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { internal, type Logger, resourceExhausted } from '@gantry/rpc';
import type { Database } from '../store/database';
import type { ProjectQuotas } from './quotas';

export interface ProjectsOptions {
  readonly db: Database;
  readonly quotas: ProjectQuotas;
  /** The engine's data root: trees of projects are below it. */
  readonly root: string;
  readonly logger: Logger;
  /** Files in which the host's owner names projects: /etc/projects and /etc/projid. */
  readonly named?: readonly string[];
}

/** Directories that are one project together, below the root; the first one's path is its name. */
interface Project {
  readonly id: number;
  readonly name: string;
  readonly directories: readonly string[];
  readonly bytes: number;
}

type Row = Omit<Project, 'directories'> & { readonly directories: string };
const toProject = (row: Row): Project => ({ ...row, directories: JSON.parse(row.directories) as string[] });
const SELECT = 'SELECT id, name, directories, bytes FROM projects';

/** Ids of one data root: so many, from a number that follows from its inode, so that engines and others on one file system seldom meet. */
const [LOWEST, WINDOW, WINDOWS] = [2 ** 20, 2 ** 20, 2 ** 11];

/**
 * The one place that gives project ids, to volumes and to snapshots. The records are the truth: an id is on directories before its record is committed, its limit on
 * the file system after that, so that a crash leaves no limit that nobody knows of; a start puts right what a crash or a power cut came between.
 */
export class Projects {
  private readonly known: Map<string, Project>;
  private readonly first: number;
  private next: number;

  constructor(private readonly options: ProjectsOptions) {
    const projects = options.db.all<Row>(`${SELECT} ORDER BY id`).map(toProject);
    this.known = new Map(projects.map((project) => [project.name, project]));
    this.first = LOWEST + (statSync(options.root).ino % WINDOWS) * WINDOW;
    const last = projects.at(-1)?.id ?? 0;
    this.next = last >= this.first && last < this.first + WINDOW - 1 ? last + 1 : this.first;
  }

  supported(directory: string): boolean {
    return this.options.quotas.supported(directory);
  }

  /** Makes empty directories one project, in the transaction of what they belong to. They are limited once `enforce` was called after that. */
  give(directories: readonly string[], bytes: number): void {
    const { db, quotas, root } = this.options;
    const [first = root] = directories;
    const id = this.free(first);
    const below = JSON.stringify(directories.map((each) => relative(root, each)));
    db.run('INSERT INTO projects (id, name, directories, bytes) VALUES (?, ?, ?, ?)', id, relative(root, first), below, bytes);
    for (const directory of directories) quotas.assign(directory, id);
  }

  /** Limits what `give` made a project. */
  enforce(first: string): void {
    const { db, quotas, root } = this.options;
    const row = db.get<Row>(`${SELECT} WHERE name = ?`, relative(root, first));
    if (row === undefined) throw internal(`${first} is no project`);
    this.known.set(row.name, toProject(row));
    quotas.limit(first, row.id, row.bytes);
  }

  /** Takes the limit away and the id back, of what is removed; the directories may be gone. Whatever has no project is fine. */
  release(first: string): void {
    const { db, quotas, root, logger } = this.options;
    const name = relative(root, first);
    const project = this.known.get(name);
    if (project === undefined) return;
    this.known.delete(name);
    try {
      quotas.limit(standing(first), project.id, 0);
    } catch (error) {
      logger.warn({ err: error, project: project.id, path: first }, 'the limit of a project stays on its file system');
    }
    db.run('DELETE FROM projects WHERE id = ?', project.id);
  }

  /** Before anything is served, when what a crash left is gone: ids of what is no more are given back, the others' limits are put on again. */
  repair(): void {
    const { quotas, root, logger } = this.options;
    for (const { id, name, bytes, directories } of [...this.known.values()]) {
      const paths = directories.map((each) => join(root, each));
      const [first = root] = paths;
      if (!existsSync(first)) {
        logger.info({ project: id, path: name }, 'giving back the project of what is gone');
        this.release(first);
        continue;
      }
      try {
        for (const path of paths) if (quotas.projectOf(path) !== id) quotas.assign(path, id);
        quotas.limit(first, id, bytes);
      } catch (error) {
        logger.error(
          { err: error, path: first, bytes },
          'the size of a volume or container is not held: its file system has no project quotas now',
        );
      }
    }
  }

  /** An id that nobody has: no record here, no file or limit on that file system, no name in the host's lists. */
  private free(directory: string): number {
    const { db, quotas, named = ['/etc/projects', '/etc/projid'] } = this.options;
    const given = db.all<{ id: number }>('SELECT id FROM projects').map(({ id }) => id);
    const taken = new Set([...given, ...namedProjects(named)]);
    for (let tries = 0; tries < WINDOW; tries++) {
      const id = this.next;
      this.next = id + 1 < this.first + WINDOW ? id + 1 : this.first;
      if (!taken.has(id) && !quotas.used(directory, id)) return id;
    }
    throw resourceExhausted(`all ${WINDOW} project ids of ${this.options.root} are taken`);
  }
}

/** The nearest directory above that is there. */
function standing(path: string): string {
  return existsSync(path) ? path : standing(dirname(path));
}

/** `id:path` of /etc/projects and `name:id` of /etc/projid (xfs_quota(8)). */
function namedProjects(files: readonly string[]): number[] {
  return files
    .filter((file) => existsSync(file))
    .flatMap((file) => readFileSync(file, 'utf8').split('\n'))
    .filter((line) => !line.startsWith('#'))
    .flatMap((line) => line.split(':').slice(0, 2))
    .filter((word) => /^\d+$/.test(word))
    .map(Number);
}
