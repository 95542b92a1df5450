/** Project quotas of file systems, as the projects here need them: the kernel's, or a test's. */
export interface ProjectQuotas {
  /** Whether the file system that the directory is on counts projects and holds them to their limits. */
  supported(directory: string): boolean;
  /** Whether it has anything of that project: files, or limits that somebody set. */
  used(directory: string, project: number): boolean;
  /** Of the directory itself; 0: none. */
  projectOf(directory: string): number;
  /** Puts the directory, which is empty, into the project, with all that will be made in it. */
  assign(directory: string, project: number): void;
  /** Limits the project on the directory's file system; 0: not at all. */
  limit(directory: string, project: number, bytes: number): void;
}
