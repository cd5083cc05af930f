export class BellhopInbox {}
