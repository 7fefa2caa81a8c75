//! The HTML that puts the page into somebody else's.

/// A view in a frame, with what stands beside its figures.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Frame<'a> {
    /// The page's address, without query and fragment.
    pub page: &'a str,
    /// The view, by its key.
    pub view: &'a str,
    /// One of its figures, by its key; none for all.
    pub figure: Option<&'a str>,
    /// What the frame shows, in words.
    pub title: &'a str,
    /// Controls beside the figures, by their keys.
    pub controls: &'a [&'a str],
    /// `light`, `dark` or `contrast`; none for the reader's own.
    pub theme: Option<&'a str>,
    /// Size of texts and figures; 1 is usual.
    pub size: f64,
    /// In CSS pixels.
    pub height: u32,
    /// The experiment, as in the page's address, without `#`.
    pub fragment: &'a str,
}

impl Frame<'_> {
    /// The frame's address: `?embed=1&view=…&figure=…&controls=…&theme=…&size=…#experiment`; what is usual is left out.
    pub fn address(&self) -> String {
        let mut query = format!("embed=1&view={}", self.view);
        if let Some(figure) = self.figure {
            query.push_str(&format!("&figure={figure}"));
        }
        if !self.controls.is_empty() {
            query.push_str(&format!("&controls={}", self.controls.join(",")));
        }
        if let Some(theme) = self.theme {
            query.push_str(&format!("&theme={theme}"));
        }
        if self.size != 1.0 {
            query.push_str(&format!("&size={}", self.size));
        }
        let hash = if self.fragment.is_empty() { "" } else { "#" };
        format!("{}?{query}{hash}{}", self.page, self.fragment)
    }

    /// The `<iframe>`.
    pub fn html(&self) -> String {
        format!(
            "<iframe src=\"{}\" title=\"{}\" width=\"100%\" height=\"{}\" loading=\"lazy\"></iframe>",
            attribute(&self.address()),
            attribute(self.title),
            self.height
        )
    }
}

/// A text between double quotes in HTML.
fn attribute(text: &str) -> String {
    text.replace('&', "&amp;").replace('"', "&quot;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    const FRAME: Frame = Frame {
        page: "https://a.example/lab/",
        view: "preservation",
        figure: None,
        title: "Preservation",
        controls: &[],
        theme: None,
        size: 1.0,
        height: 620,
        fragment: "",
    };

    #[test]
    fn an_address_names_only_what_is_not_usual() {
        assert_eq!(FRAME.address(), "https://a.example/lab/?embed=1&view=preservation");
        let full = Frame {
            figure: Some("learning"),
            controls: &["lambda", "alpha"],
            theme: Some("dark"),
            size: 1.25,
            fragment: "lambda=0.1",
            ..FRAME
        };
        let expected = "https://a.example/lab/?embed=1&view=preservation&figure=learning&controls=lambda,alpha&theme=dark&size=1.25";
        assert_eq!(full.address(), format!("{expected}#lambda=0.1"));
    }

    #[test]
    fn nothing_in_a_title_or_an_address_leaves_its_attribute() {
        let html = Frame { title: "\"><script>", fragment: "prompts.0.name=\"&<b>", ..FRAME }.html();
        // Five attributes.
        assert_eq!(html.matches('"').count(), 10, "{html}");
        assert_eq!((html.matches('<').count(), html.matches('>').count()), (2, 2), "{html}");
        assert!(html.contains("embed=1&amp;view=preservation#prompts.0.name=&quot;&amp;&lt;b&gt;"), "{html}");
    }
}
