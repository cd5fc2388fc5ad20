import { recordsContract } from "../contract/records.suite.ts";
import { openDynamoRecords, twoDynamoStores } from "../support/dynamo-records.ts";

recordsContract("DynamoDB", openDynamoRecords);

recordsContract("two stores on one DynamoDB table", twoDynamoStores);
