//! The programs in the workspace's README, compiled and run as tests of the documentation. This library
//! holds nothing else.

#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct English;

#[cfg(test)]
mod tests {
    /// What is between fences.
    fn programs(text: &str) -> Vec<&str> {
        text.split("```").skip(1).step_by(2).filter(|code| code.starts_with("rust")).collect()
    }

    #[test]
    fn both_readmes_show_the_same_programs() {
        let english = programs(include_str!("../../README.md"));
        assert_eq!(english.len(), 3);
        assert_eq!(english, programs(include_str!("../../README.zh-CN.md")));
    }
}
