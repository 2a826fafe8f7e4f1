//! Builds a graph of operators that follow one another.

use super::proto::{
    Attribute, Dimension, Extent, FLOAT, Graph, INT64, Node, Shape, Tensor, TensorType, Type,
    ValueInfo,
};

/// A graph whose operators are added from its input to its output.
pub(super) struct Builder {
    graph: Graph,
    /// What the last operator gives.
    last: String,
    /// Before the names of a layer's values and tensors.
    layer: usize,
}

impl Builder {
    /// A graph with one input `[batch, width]`, so far without operators.
    pub(super) fn new(input: &str, width: usize) -> Self {
        let graph = Graph {
            name: "reflux".to_owned(),
            input: vec![batch(input, width)],
            ..Graph::default()
        };
        Self { graph, last: input.to_owned(), layer: 0 }
    }

    /// Tensors that follow are named after layer `index`.
    pub(super) fn begin_layer(&mut self, index: usize) {
        self.layer = index;
    }

    /// The name of what the last operator gives.
    pub(super) fn last(&self) -> String {
        self.last.clone()
    }

    /// A constant; its name.
    pub(super) fn floats(&mut self, name: &str, dims: &[usize], values: &[f32]) -> String {
        let bytes = values.iter().flat_map(|x| x.to_le_bytes()).collect();
        self.constant(name, dims.iter().map(|&dim| dim as i64).collect(), FLOAT, bytes)
    }

    /// A constant vector; its name.
    pub(super) fn integers(&mut self, name: &str, values: &[i64]) -> String {
        let bytes = values.iter().flat_map(|x| x.to_le_bytes()).collect();
        self.constant(name, vec![values.len() as i64], INT64, bytes)
    }

    fn constant(
        &mut self,
        name: &str,
        dims: Vec<i64>,
        data_type: i32,
        raw_data: Vec<u8>,
    ) -> String {
        let name = format!("{}.{name}", self.layer);
        self.graph.initializer.push(Tensor { dims, data_type, name: name.clone(), raw_data });
        name
    }

    /// An operator, to be given attributes.
    pub(super) fn add(&mut self, operator: &str, inputs: &[&str]) -> &mut Node {
        self.last = format!("value_{}", self.graph.node.len());
        let output = vec![self.last.clone()];
        self.push(operator, inputs, output)
    }

    /// An operator on what the last one gives and another value.
    pub(super) fn then(&mut self, operator: &str, other: &str) {
        let last = self.last();
        self.add(operator, &[&last, other]);
    }

    /// An operator on what the last one gives and a number.
    pub(super) fn then_number(&mut self, operator: &str, name: &str, number: f32) {
        let number = self.floats(name, &[], &[number]);
        self.then(operator, &number);
    }

    /// Splits a value in two along `axis`; their names.
    pub(super) fn split(&mut self, value: &str, parts: &str, axis: i64) -> (String, String) {
        let count = self.graph.node.len();
        let (first, second) = (format!("value_{count}_0"), format!("value_{count}_1"));
        let outputs = vec![first.clone(), second.clone()];
        self.push("Split", &[value, parts], outputs).integer("axis", axis);
        (first, second)
    }

    fn push(&mut self, operator: &str, inputs: &[&str], output: Vec<String>) -> &mut Node {
        let index = self.graph.node.len();
        self.graph.node.push(Node {
            input: inputs.iter().map(|&input| input.to_owned()).collect(),
            output,
            name: format!("node_{index}"),
            op_type: operator.to_owned(),
            attribute: Vec::new(),
        });
        &mut self.graph.node[index]
    }

    /// The graph, with what the last operator gives as its output `[batch, width]`.
    pub(super) fn finish(mut self, output: &str, width: usize) -> Graph {
        if let Some(node) = self.graph.node.last_mut() {
            node.output = vec![output.to_owned()];
        }
        self.graph.output = vec![batch(output, width)];
        self.graph
    }
}

impl Node {
    pub(super) fn float(&mut self, name: &str, value: f32) -> &mut Self {
        self.attribute(name, Attribute { float: Some(value), kind: 1, ..Attribute::default() })
    }

    pub(super) fn integer(&mut self, name: &str, value: i64) -> &mut Self {
        self.attribute(name, Attribute { integer: Some(value), kind: 2, ..Attribute::default() })
    }

    pub(super) fn integers(&mut self, name: &str, values: &[i64]) -> &mut Self {
        let integers = values.to_vec();
        self.attribute(name, Attribute { integers, kind: 7, ..Attribute::default() })
    }

    fn attribute(&mut self, name: &str, attribute: Attribute) -> &mut Self {
        self.attribute.push(Attribute { name: name.to_owned(), ..attribute });
        self
    }
}

/// A value in f32 with a row for each of a batch of any size.
fn batch(name: &str, width: usize) -> ValueInfo {
    let extents = [Extent::Named("batch".to_owned()), Extent::Fixed(width as i64)];
    let dims = extents.map(|extent| Dimension { extent: Some(extent) }).to_vec();
    let tensor = TensorType { data_type: FLOAT, shape: Some(Shape { dims }) };
    ValueInfo { name: name.to_owned(), kind: Some(Type { tensor: Some(tensor) }) }
}
