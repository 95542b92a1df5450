import { main } from './example-service';

main();
