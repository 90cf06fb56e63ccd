CREATE STREAM orders (customer VARCHAR KEY, amount INT) WITH (kafka_topic = 'orders', value_format = 'JSON');
CREATE STREAM large WITH (kafka_topic = 'large', partitions = 3) AS SELECT * FROM orders WHERE amount > 100;
