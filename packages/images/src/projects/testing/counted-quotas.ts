import type { ProjectQuotas } from '../quotas';

/** A file system with project quotas that counts nothing: what was set can be looked at. */
export class CountedQuotas implements ProjectQuotas {
  readonly projects = new Map<string, number>();
  readonly limits = new Map<number, number>();
  /** Of others on the same file system. */
  readonly others = new Set<number>();
  has = true;
  full = false;

  supported(): boolean {
    return this.has;
  }

  used(_directory: string, project: number): boolean {
    return this.others.has(project) || this.limits.has(project);
  }

  projectOf(directory: string): number {
    return this.projects.get(directory) ?? 0;
  }

  assign(directory: string, project: number): void {
    this.projects.set(directory, project);
  }

  limit(_directory: string, project: number, bytes: number): void {
    if (this.full) throw new Error('no room for a limit');
    if (bytes === 0) this.limits.delete(project);
    else this.limits.set(project, bytes);
  }
}
